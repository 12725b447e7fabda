export interface Project {
  id: string;
  name: string;
  description: string;
  enabled: boolean;
}

export interface User {
  id: string;
  name: string;
  /** scrypt, as `salt:hash` in hex. */
  passwordHash: string;
  enabled: boolean;
  defaultProjectId: string | null;
}

export interface Role {
  id: string;
  name: string;
}

export interface Assignment {
  id: string;
  userId: string;
  projectId: string;
  roleId: string;
}

export interface ApplicationCredential {
  id: string;
  name: string;
  description: string | null;
  userId: string;
  projectId: string;
  roles: string[];
  secretHash: string;
  expiresAt: string | null;
}

export interface Token {
  id: string;
  userId: string;
  /** Null for an unscoped token. */
  projectId: string | null;
  /** Names of roles. */
  roles: string[];
  methods: string[];
  issuedAt: string;
  expiresAt: string;
  auditId: string;
  applicationCredentialId?: string;
}
