/** Where an answer goes, now or later: a promise that is settled, or a frame on a socket. */
export interface Answer<T> {
  resolve(value: T): void
  reject(error: unknown): void
}
