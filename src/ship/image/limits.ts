/**
 * What an archive that somebody else wrote may have at most. Ours has 160 kB, in 15 members; an image has one file of
 * 262 kB. Memory and time that reading one takes are bounded by these; an error names the one that it is about.
 */
export const MOST_ARCHIVE_BYTES = 64 * 1024 * 1024;
/** Of all layers of an archive together, unpacked. */
export const MOST_UNPACKED_BYTES = 64 * 1024 * 1024;
/** Of a tar archive, extended headers included. */
export const MOST_MEMBERS = 1024;
export const MOST_EXTENDED_BYTES = 64 * 1024;
/** Of a layer in zstd: what RFC 8878, section 3.1.1.1.2, has every decoder support. */
export const MOST_WINDOW_BYTES = 8 * 1024 * 1024;
