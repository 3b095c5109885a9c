// A way to a broker that is slow, or that ends in the middle of a request, when the test says so.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { framesOf, int32 } from '../../scripts/kafka/requests.js'
import type { Random } from '../../src/lib/random.js'

/** Where a connection ends: when so much of a request, or of the answer to it, has passed. */
export interface Cut {
  readonly in: 'request' | 'answer'
  /** From 0 to 1. At 0 of the answer the broker has done what it was asked, and nobody hears of it. */
  readonly part: number
}

/** It ends with the test. */
export class Relay {
  /** What becomes of a request, by the number of its kind; `null` when it passes. */
  fate: (api: number) => Cut | null = () => null
  /** What passes is dealt out in pieces of so many bytes, each after a pause. */
  pieceBytes = Infinity
  pauseMs = 0
  /** Opened so far. */
  connections = 0
  cuts = 0
  readonly #target: URL
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  /** `address` is the broker's, `host:port`. */
  static async to(address: string): Promise<Relay> {
    const relay = new Relay(new URL(`kafka://${address}`))
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    onTestFinished(() => relay.#close())
    return relay
  }

  private constructor(target: URL) {
    this.#target = target
    this.#server = createServer(client => this.#serve(client))
  }

  get endpoint(): { host: string; port: number } {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port }
  }

  /** Cuts requests of these kinds now and then, anywhere. */
  cutNowAndThen(kinds: readonly { readonly key: number }[], random: Random): void {
    const apis = kinds.map(({ key }) => key)
    this.fate = api => {
      if (!apis.includes(api) || random.next() > 0.3) return null
      const place = random.next() < 0.5 ? 'request' : 'answer'
      return { in: place, part: random.next() < 0.2 ? 0 : random.next() }
    }
  }

  #serve(client: Socket): void {
    this.connections++
    const broker = connect(Number(this.#target.port), this.#target.hostname)
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => {
        this.#sockets.delete(socket)
        other.end()
      })
    }
    // Answers come in the order of their requests.
    const answers: (number | null)[] = []
    const ask = (frame: Buffer): number | null => {
      const cut = this.fate(frame.readInt16BE(0))
      answers.push(cut?.in === 'answer' ? cut.part : null)
      return cut?.in === 'request' ? cut.part : null
    }
    void this.#pass(client, broker, ask)
    void this.#pass(broker, client, () => answers.shift() ?? null)
  }

  /** Passes frames on until one is to be cut. */
  async #pass(from: Socket, to: Socket, cutOf: (frame: Buffer) => number | null): Promise<void> {
    try {
      for await (const frame of framesOf(from)) {
        const bytes = Buffer.concat([int32(frame.length), frame])
        const part = cutOf(frame)
        await this.#write(to, part === null ? bytes : bytes.subarray(0, Math.floor(part * bytes.length)))
        if (part === null) continue
        this.cuts++
        return
      }
    } catch {
      // Whoever has hung up: the other side is told.
    } finally {
      from.destroy()
    }
  }

  async #write(to: Socket, bytes: Buffer): Promise<void> {
    const size = Math.min(this.pieceBytes, bytes.length)
    for (let start = 0; start < bytes.length; start += size) {
      if (this.pauseMs > 0) await sleep(this.pauseMs)
      to.write(bytes.subarray(start, start + size))
    }
  }

  async #close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}
