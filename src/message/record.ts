/** A message's headers. */
export type Headers = ReadonlyMap<string, Uint8Array>

/** Where a message lies. */
export interface Placement {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** Headers from text, as UTF-8; null when there are none. */
export function headersFrom(text: Record<string, string> | undefined): Headers | null {
  const entries = Object.entries(text ?? {})
  return entries.length === 0 ? null : new Map(entries.map(([name, value]) => [name, Buffer.from(value)]))
}

/** The headers of a message that has none. */
export const noHeaders: Headers = new Map<string, Uint8Array>()
