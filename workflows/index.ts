export { createShare } from './create-share.js';
export { deleteServiceInstance } from './delete-service-instance.js';
export { deleteShare } from './delete-share.js';
export { serviceInstance } from './service-instance.js';
export { setUpServiceInstance } from './set-up-service-instance.js';
export { share } from './share.js';
export { updateAccess } from './update-access.js';
