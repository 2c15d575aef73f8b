/**
 * Limits for an archive from somebody else. Ours has 160 kB in 15 members, and an image has one file of 262 kB. These
 * limits bound the memory and time of reading one; an error names the limit.
 */
export const MOST_ARCHIVE_BYTES = 64 * 1024 * 1024;
/** All layers of an archive together, unpacked. */
export const MOST_UNPACKED_BYTES = 64 * 1024 * 1024;
/** Members of a tar archive, extended headers included. */
export const MOST_MEMBERS = 1024;
export const MOST_EXTENDED_BYTES = 64 * 1024;
/** The window of a zstd layer: the size that RFC 8878, section 3.1.1.1.2, has every decoder support. */
export const MOST_WINDOW_BYTES = 8 * 1024 * 1024;
