interface Extra {
  /** Neutron's name of the error, or another service's own key for the body. */
  type?: string;
  headers?: Record<string, string>;
}

/** An answer other than the wanted one; each service has its own way to word the body. */
export class ApiError extends Error {
  readonly status: number;
  readonly type: string | undefined;
  readonly headers: Record<string, string>;

  constructor(status: number, message: string, { type, headers = {} }: Extra = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.type = type;
    this.headers = headers;
  }
}

export const badRequest = (message: string): ApiError => new ApiError(400, message);
export const forbidden = (message: string): ApiError => new ApiError(403, message);
export const notFound = (message: string): ApiError => new ApiError(404, message);
export const conflict = (message: string): ApiError => new ApiError(409, message);
