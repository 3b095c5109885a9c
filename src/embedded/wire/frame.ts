/** A message on the socket: `uint32` bytes of the payload, `uint32` kind, `uint32` id, `uint32` zero, then the payload. */
export const frameHeaderSize = 16

/** The largest payload that is taken: more is no frame but noise. */
export const maxPayloadBytes: number = 64 * 1024 * 1024
