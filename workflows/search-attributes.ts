import { defineSearchAttributeKey } from '@temporalio/common';

/** Registered on the namespace when a worker starts; what lists filter by. */
export const searchAttributes = {
  status: defineSearchAttributeKey('HawserStatus', 'KEYWORD'),
  protocol: defineSearchAttributeKey('HawserProtocol', 'KEYWORD'),
  backend: defineSearchAttributeKey('HawserBackend', 'KEYWORD'),
  shareNetwork: defineSearchAttributeKey('HawserShareNetwork', 'KEYWORD'),
  serviceInstance: defineSearchAttributeKey('HawserServiceInstance', 'KEYWORD'),
  sizeGib: defineSearchAttributeKey('HawserSizeGib', 'INT'),
};
