export interface Image {
  id: string;
  name: string | null;
  status: string;
  visibility: 'public' | 'private' | 'shared' | 'community';
  owner: string;
  diskFormat: string | null;
  containerFormat: string | null;
  sizeBytes: number | null;
  virtualSizeBytes: number | null;
  checksum: string | null;
  osHashValue: string | null;
  minDisk: number;
  minRam: number;
  protected: boolean;
  hidden: boolean;
  tags: string[];
  properties: Record<string, string>;
  /** Where its data is; an image of the seed is used where it lies. */
  file: string | null;
  createdAt: string;
  updatedAt: string;
}
