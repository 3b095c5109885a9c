import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { TransportError } from '../errors.js'
import type { Security } from './security.js'
import { openWire, type Wire } from './wire.js'
import { ByteWriter } from './wire/byte-writer.js'
import { apiVersions, metadata } from './wire/cluster-apis.js'
import { heartbeat } from './wire/group.js'

const plain: Security = { tls: null, sasl: null }
const scram: Security = { tls: null, sasl: { mechanism: 'SCRAM-SHA-256', username: 'user', password: 'secret' } }
const member = { groupId: 'g', generation: 1, memberId: 'm', instanceId: null }

interface Question {
  readonly key: number
  readonly correlationId: number
  readonly body: Buffer
}

let server: Server | null = null
const sockets = new Set<Socket>()
afterEach(() => {
  for (const socket of sockets) socket.destroy()
  server?.close()
})

/** A broker made by hand: what it is asked goes to `reply`, which writes to the socket what it likes. */
async function listen(reply: (question: Question, socket: Socket) => void): Promise<number> {
  server = createServer(socket => {
    sockets.add(socket)
    let received = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk])
      for (; received.length >= 4 && received.length >= 4 + received.readInt32BE(0);) {
        const length = received.readInt32BE(0)
        const body = received.subarray(12, 4 + length)
        reply({ key: received.readInt16BE(4), correlationId: received.readInt32BE(8), body }, socket)
        received = received.subarray(4 + length)
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function framed(correlationId: number, body: ByteWriter): Buffer {
  const bytes = body.toBuffer()
  return new ByteWriter()
    .int32(bytes.length + 4)
    .int32(correlationId)
    .raw(bytes)
    .toBuffer()
}

function open(port: number, options: { security?: Security; signal?: AbortSignal; lost?: TransportError[] } = {}): Promise<Wire> {
  const { security = plain, signal = new AbortController().signal, lost = [] } = options
  return openWire({ host: '127.0.0.1', port }, { clientId: 'test', security, signal, onLost: why => void lost.push(why) })
}

const beat = (wire: Wire): Promise<unknown> => wire.request(heartbeat, member)

test('the library is named in one file, which loads it when a wire is opened', () => {
  const source = fileURLToPath(new URL('..', import.meta.url))
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(path => /(?<!\.test|\.test-d)\.ts$/.test(path))
  const naming = files.filter(path => readFileSync(join(source, path), 'utf8').includes("'@platformatic/kafka'"))
  expect(naming).toEqual([join('kafka', 'wire.ts')])
  const imports = readFileSync(join(source, naming[0]!), 'utf8').match(/.*'@platformatic\/kafka'.*/g)!
  for (const line of imports) expect(line).toMatch(/^import type |^ {2}return import\(/)
})

test('answers find their questions, also in pieces; each is read with its own header', async () => {
  const port = await listen(({ key, correlationId }, socket) => {
    const answer =
      key === apiVersions.key
        ? framed(
            correlationId,
            new ByteWriter()
              .int16(0)
              .array([], () => undefined)
              .int32(0)
              .tags(),
          )
        : framed(correlationId, new ByteWriter().tags().int32(0).int16(correlationId).tags())
    for (const byte of answer) socket.write(Buffer.from([byte]))
  })
  const wire = await open(port)
  expect(await wire.request(apiVersions, null)).toMatchObject({ errorCode: 0 })
  expect(await Promise.all([beat(wire), beat(wire)])).toEqual([{ errorCode: 2 }, { errorCode: 3 }])
  expect(wire.sessionLifetimeMs).toBe(Infinity)
})

test('a broker that hangs up: what is open fails, and the end is told once', async () => {
  const lost: TransportError[] = []
  const warnings: string[] = []
  const warn = ({ name }: Error): void => void warnings.push(name)
  process.on('warning', warn)
  const port = await listen((_question, socket) => socket.destroy())
  const wire = await open(port, { lost })
  const open40 = await Promise.allSettled(Array.from({ length: 40 }, () => beat(wire)))
  for (const outcome of open40)
    expect(outcome).toMatchObject({ status: 'rejected', reason: { constructor: TransportError, retriable: true } })
  expect(lost).toHaveLength(1)
  await expect(beat(wire)).rejects.toThrow(TransportError)
  process.off('warning', warn)
  expect(warnings).toEqual([])
})

test('destroyed: what is open fails, and nobody is told of a loss', async () => {
  const lost: TransportError[] = []
  const wire = await open(await listen(() => undefined), { lost })
  const pending = beat(wire)
  wire.destroy()
  await expect(pending).rejects.toThrow(TransportError)
  expect(lost).toEqual([])
})

test('an answer that nobody asked for, and one that ends too early', async () => {
  const stray = await open(
    await listen((_question, socket) => socket.write(framed(99, new ByteWriter().tags().int32(0).int16(0).tags()))),
  )
  await expect(beat(stray)).rejects.toThrow(TransportError)
  const cut = await open(
    await listen(({ correlationId }, socket) => socket.write(framed(correlationId, new ByteWriter().tags().int32(0)))),
  )
  const refused = cut.request(metadata, { topics: null })
  await expect(refused).rejects.toThrow(/^An answer of the broker cannot be read/)
  await expect(refused).rejects.toMatchObject({ retriable: false })
})

test('a certificate that cannot be read is final, and nothing is left that keeps the process alive', async () => {
  const port = await listen(() => undefined)
  const timers = (): number => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  const security: Security = { tls: { cert: 'nonsense', key: 'nonsense' }, sasl: null }
  const before = timers()
  for (let times = 0; times < 20; times++) {
    await expect(open(port, { security })).rejects.toMatchObject({ constructor: TransportError, retriable: false })
  }
  expect(timers() - before).toBeLessThan(10)
})

test('nonsense during the login is an error like any other', async () => {
  const port = await listen(({ key, correlationId }, socket) => {
    const versions = new ByteWriter().int16(0).int32(0).int32(0)
    const handshake = new ByteWriter().int16(0).int32(0)
    const nonsense = new ByteWriter().tags().int16(0).string(null).bytes(Buffer.from('nonsense')).int64(0).tags()
    socket.write(framed(correlationId, key === 18 ? versions : key === 17 ? handshake : nonsense))
  })
  const failed = open(port, { security: scram })
  await expect(failed).rejects.toThrow(/Cannot log in .* the exchange went wrong \(Malformed SCRAM parameter: nonsense\)/)
  await expect(failed).rejects.toMatchObject({ retriable: false })
})

test('an attempt that is given up ends at once, also in the middle of a login', async () => {
  for (const security of [plain, scram]) {
    const early = open(1, { security, signal: AbortSignal.abort() })
    await expect(early).rejects.toThrow(TransportError)
  }
  const giving = new AbortController()
  const port = await listen((_question, socket) => {
    giving.abort()
    socket.once('close', () => sockets.delete(socket))
  })
  await expect(open(port, { security: scram, signal: giving.signal })).rejects.toThrow(TransportError)
})
