/** A key's hash, never negative: modulo the number of partitions it is the partition the Java client would choose. */
export function keyHash(buffer: Uint8Array, start: number, end: number): number {
  return murmur2(buffer, start, end) & 0x7fffffff
}

/** MurmurHash2 of the bytes from `start` to `end`, as a signed 32-bit integer, with the seed of Kafka's Java client. */
export function murmur2(buffer: Uint8Array, start: number, end: number): number {
  let hash = 0x9747b28c ^ (end - start)
  let at = start
  for (; at + 4 <= end; at += 4) {
    const word = byte(buffer, at) | (byte(buffer, at + 1) << 8) | (byte(buffer, at + 2) << 16) | (byte(buffer, at + 3) << 24)
    const mixed = Math.imul(word, factor)
    hash = Math.imul(hash, factor) ^ Math.imul(mixed ^ (mixed >>> 24), factor)
  }
  const rest = end - at
  if (rest === 3) hash ^= byte(buffer, at + 2) << 16
  if (rest >= 2) hash ^= byte(buffer, at + 1) << 8
  if (rest >= 1) hash = Math.imul(hash ^ byte(buffer, at), factor)
  hash = Math.imul(hash ^ (hash >>> 13), factor)
  return hash ^ (hash >>> 15)
}

const factor = 0x5bd1e995

function byte(buffer: Uint8Array, at: number): number {
  return buffer[at] as number
}
