// The few Kafka requests that starting and steering a cluster takes, by hand: tests of a client must not lean on a client.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** A kind of request: its number in the protocol, and the version spoken. */
export interface Api {
  readonly key: number
  readonly version: number
  /** Whether the version has tagged fields. */
  readonly isFlexible?: boolean
}

/** One connection; a request at a time. */
export interface Session {
  /** Throws when the broker closes the connection or says nothing for five seconds. */
  ask(api: Api, body: Buffer): Promise<Fields>
  close(): void
}

const silenceLimitMs = 5_000

/** Connects to `host:port`; over TLS when `ca` says whom to trust (PEM). Throws when nobody listens. */
export async function openSession(address: string, ca?: string): Promise<Session> {
  const { hostname: host, port } = new URL(`kafka://${address}`)
  const socket = ca === undefined ? connect(Number(port), host) : connectTls({ host, port: Number(port), ca })
  socket.setTimeout(silenceLimitMs, () => socket.destroy(new Error(`${address} does not answer.`)))
  // What goes wrong between two requests is told to the next one.
  socket.on('error', () => undefined)
  const frames = framesOf(socket)
  await once(socket, ca === undefined ? 'connect' : 'secureConnect')
  return {
    close: () => void socket.destroy(),
    ask: async ({ key, version, isFlexible = false }, body) => {
      const header = Buffer.concat([
        int16(key),
        int16(version),
        int32(0),
        text('faust-ts-tests'),
        Buffer.alloc(isFlexible ? 1 : 0),
      ])
      socket.write(Buffer.concat([int32(header.length + body.length), header, body]))
      const { done, value } = await frames.next()
      if (done) throw new Error(`${address} has closed the connection.`)
      return new Fields(value, isFlexible ? 5 : 4)
    },
  }
}

/** One request on a connection of its own. */
export async function ask(address: string, api: Api, body: Buffer): Promise<Fields> {
  const session = await openSession(address)
  try {
    return await session.ask(api, body)
  } finally {
    session.close()
  }
}

/** What comes, request by request or answer by answer: the bytes behind the length of each. */
export async function* framesOf(socket: Socket): AsyncGenerator<Buffer, undefined> {
  let rest = Buffer.alloc(0)
  for await (const chunk of socket) {
    rest = Buffer.concat([rest, chunk as Buffer])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0)
      yield rest.subarray(4, end)
      rest = rest.subarray(end)
    }
  }
  return undefined
}

export const int8 = (value: number): Buffer => Buffer.from([value & 0xff])

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export const text = (value: string): Buffer => Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)])

export const list = (items: readonly Buffer[]): Buffer => Buffer.concat([int32(items.length), ...items])

/** An answer, read from front to back. */
export class Fields {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  int8(): number {
    return this.#bytes.readInt8(this.#skip(1))
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#skip(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#skip(4))
  }

  /** `null` is read as an empty text. */
  text(): string {
    const length = Math.max(0, this.int16())
    const start = this.#skip(length)
    return this.#bytes.toString('utf8', start, start + length)
  }

  list<Item>(read: () => Item): Item[] {
    return Array.from({ length: Math.max(0, this.int32()) }, read)
  }

  /** Moves on by `count` bytes; answers where they began. */
  #skip(count: number): number {
    this.#at += count
    return this.#at - count
  }
}
