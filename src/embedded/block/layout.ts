/**
 * A block: a batch of messages of one partition, the same bytes in the producer, on the socket, in the segment file and in
 * the reader. Numbers are in the byte order of the machine (little endian), so that columns can be read in place.
 *
 *   header      64 bytes, see below
 *   timestamps  float64 for each message, milliseconds since 1970
 *   keys        int32 for each message: bytes of its key, -1 for none
 *   values      int32 for each message: bytes of its value, -1 for a tombstone
 *   offsets     uint32 for each message: offset minus base offset; only in a block that was compacted
 *   bytes       key and value of each message, one behind the other
 *   headers     for each message that has any: uint32 place, uint32 count, then count times
 *               { uint16 bytes of the name, name, uint32 bytes of the value, value }
 *   padding     up to a multiple of 8
 */
export const header = {
  /** uint32: bytes of the whole block with header and padding; a multiple of 8. */
  size: 0,
  /** uint32: CRC-32 of the bytes 8 to 64. */
  headerCrc: 4,
  /** float64: offset of the first message; written by the broker. */
  baseOffset: 8,
  /** float64: when the broker stored it, milliseconds since 1970; written by the broker. */
  storedAt: 16,
  /** float64: number of its transaction, 0 for none; written by the broker. */
  transaction: 24,
  /** float64: the latest of its timestamps. */
  latestTimestamp: 32,
  /** uint32: messages. */
  count: 40,
  /** uint32: CRC-32 of the bytes from 64 on. */
  bodyCrc: 44,
  /** uint32: the next block's base offset minus this one's; more than `count` where compaction has taken messages out. */
  span: 48,
  /** uint32: bytes of keys and values. */
  dataBytes: 52,
  /** uint32: bytes of headers. */
  headerBytes: 56,
  /** uint32: see `hasOffsets`. */
  flags: 60,
} as const

export const headerSize = 64

/** Flag: the block has the column of offsets. */
export const hasOffsets = 1

/** Messages in a block at most. */
export const maxCount = 1024

/** Bytes of keys and values in a block at most, unless a single message has more. */
export const maxDataBytes: number = 256 * 1024

/** Bytes of key and value of a message at most. */
export const maxMessageBytes: number = 1024 * 1024
