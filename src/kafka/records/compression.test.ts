import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TransportError } from '../../errors.js'
import { compressionNames } from './compression.js'
import { mostExpandedBytes } from './expansion.js'
import { loadCompression } from '../wire.js'
import { type BuiltIn, chooseZstd, type Compiled } from './zstd.js'

const compression = await loadCompression()
const numbers = compressionNames.map((name, number) => ({ name, number }))
const packed = numbers.filter(({ name }) => name !== 'none')

/** Text that repeats itself now and then, as records do, and noise; never nothing, which no batch has. */
const content = fc.oneof(
  fc
    .array(fc.constantFrom('{"user":"', 'ann', 'bob', '","amount":', '17', '}', ' ', 'é'), {
      minLength: 1,
      maxLength: 400,
      size: 'max',
    })
    .map(parts => Buffer.from(parts.join(''))),
  fc.uint8Array({ minLength: 1, maxLength: 300, size: 'max' }).map(bytes => Buffer.from(bytes)),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 5000 }))
    .map(([part, times]) => Buffer.concat(Array<Uint8Array>(times).fill(part))),
)

describe('compression', () => {
  it.each(numbers)('$name gives back what went in', ({ name, number }) => {
    fc.assert(
      fc.property(content, bytes => {
        const back = compression.decompress(number, compression.compress(name, bytes))
        expect(back.equals(bytes)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  it.each(numbers)('$name goes beyond the window of any block', ({ name, number }) => {
    const bytes = Buffer.from(Array.from({ length: 30_000 }, (_, at) => `${(at * 7919) % 10007}:${at % 13},`).join(''))
    expect(compression.decompress(number, compression.compress(name, bytes)).equals(bytes)).toBe(true)
  })

  it.each(packed)('$name of damaged bytes is a TransportError or other bytes, and nothing worse', ({ name, number }) => {
    const bytes = Buffer.from(Array.from({ length: 200 }, (_, at) => `{"id":${at},"user":"user-${at % 7}"}`).join(''))
    const whole = compression.compress(name, bytes)
    const damage = fc.oneof(
      fc.tuple(fc.nat(whole.length - 1), fc.nat(7)).map(([at, bit]) => flipped(whole, at, bit)),
      fc.nat(whole.length - 1).map(end => whole.subarray(0, end)),
      fc.uint8Array({ maxLength: 60 }).map(noise => Buffer.from(noise)),
      fc
        .tuple(fc.nat(whole.length), fc.uint8Array({ maxLength: 20 }))
        .map(([at, noise]) => Buffer.concat([whole.subarray(0, at), noise])),
    )
    fc.assert(
      fc.property(damage, damaged => {
        try {
          compression.decompress(number, damaged)
        } catch (error) {
          expect(error).toBeInstanceOf(TransportError)
          expect((error as Error).message).toContain(`Cannot decompress ${name}: `)
        }
      }),
      { numRuns: 1500 },
    )
    expect(compression.decompress(number, whole).equals(bytes)).toBe(true)
  })

  it.each(packed)('$name that is cut off is a TransportError', ({ name, number }) => {
    const whole = compression.compress(name, Buffer.from('the quick brown fox '.repeat(50)))
    for (let end = 1; end < whole.length; end++) {
      expect(() => compression.decompress(number, whole.subarray(0, end))).toThrow(TransportError)
    }
  })

  it('refuses what would fill the memory', () => {
    const zeros = gzipSync(Buffer.alloc(mostExpandedBytes / 16 + 1))
    expect(() => compression.decompress(1, Buffer.concat(Array<Buffer>(16).fill(zeros)))).toThrow(/^Cannot decompress gzip: /)
    expect(() => compression.decompress(3, lz4Bomb())).toThrow(/^Cannot decompress lz4: it has more than 268435456 bytes\./)
  })

  it('says what to do about an algorithm that it does not know', () => {
    expect(() => compression.decompress(7, Buffer.alloc(4))).toThrow(
      'Cannot decompress algorithm 7: it is newer than this library. Update faust-ts.',
    )
  })
})

describe('snappy', () => {
  it('reads the framing of the Java client, of blocks one after the other', () => {
    const block = (text: string): Buffer => {
      const bytes = text === '' ? Buffer.alloc(1) : compression.compress('snappy', Buffer.from(text))
      const size = Buffer.alloc(4)
      size.writeUInt32BE(bytes.length)
      return Buffer.concat([size, bytes])
    }
    const head = Buffer.from('82534e415050590000000001000000' + '01', 'hex')
    const framed = Buffer.concat([head, block('first, '), block(''), block('second')])
    expect(compression.decompress(2, framed).toString()).toBe('first, second')
    expect(compression.decompress(2, head).toString()).toBe('')
    expect(() => compression.decompress(2, framed.subarray(0, -1))).toThrow('it is cut off')
    expect(() => compression.decompress(2, framed.subarray(0, 18))).toThrow('it is cut off')
  })

  it.each([
    ['a copy of what comes later', '030061060200', 'it repeats what was not there'],
    ['a copy of nothing', '030061060000', 'it repeats what was not there'],
    ['bytes that are not there', '0510616263', 'it is cut off'],
    ['a copy that is cut off', '0300610601', 'it is cut off'],
    ['more than it says', '01046162', 'it does not have the size that it says'],
    ['less than it says', '0a046162', 'it does not have the size that it says'],
  ])('refuses %s', (_, hex, why) => {
    expect(() => compression.decompress(2, Buffer.from(hex, 'hex'))).toThrow(`Cannot decompress snappy: ${why}.`)
  })

  it('reads elements of every form', () => {
    const elements = ['0c61626364', '0104', '0e0400', '0f04000000', 'f00365666768']
    const bytes = Buffer.from(`14${elements.join('')}`, 'hex')
    expect(compression.decompress(2, bytes).toString()).toBe('abcdabcdabcdabcdefgh')
  })
})

describe('lz4', () => {
  const framed = (block: string): Buffer => {
    const size = Buffer.alloc(4)
    size.writeUInt32LE(block.length / 2)
    return Buffer.concat([Buffer.from('04224d18604000', 'hex'), size, Buffer.from(`${block}00000000`, 'hex')])
  }

  it('reads blocks that are not compressed, checksums of blocks, and a size of the content', () => {
    const head = '04224d1878400600000000000000' + '00'
    const block = `06000080${Buffer.from('stored').toString('hex')}ffffffff`
    expect(compression.decompress(3, Buffer.from(`${head}${block}00000000`, 'hex')).toString()).toBe('stored')
  })

  it.each([
    ['a copy of what comes later', '11610200', 'it repeats what was not there'],
    ['a copy of nothing', '11610000', 'it repeats what was not there'],
    ['bytes that are not there', '5061', 'it is cut off'],
    ['a copy that is cut off', '106101', 'it is cut off'],
  ])('refuses %s', (_, block, why) => {
    expect(() => compression.decompress(3, framed(block))).toThrow(`Cannot decompress lz4: ${why}.`)
  })
})

describe('zstd', () => {
  const load = (): Promise<Compiled> => import('@bokuweb/zstd-wasm')

  it('asks for more room until the content fits, where its size is not told', async () => {
    const zstd = await chooseZstd({}, load)
    const bytes = Buffer.alloc(20 * 1024 * 1024, 'no size is told ')
    const frame = withoutSize(Buffer.from(zstd.compress(bytes)))
    expect(Buffer.from(zstd.decompress(frame)).equals(bytes)).toBe(true)
  })

  it('is not asked for more than the limit, whatever a frame says', async () => {
    const rooms: number[] = []
    const decompress: Compiled['decompress'] = (_, { defaultHeapSize }) => {
      rooms.push(defaultHeapSize)
      throw new RangeError('code -70')
    }
    const zstd = await chooseZstd({}, async () => ({ ...(await load()), init: () => Promise.resolve(), decompress }))
    expect(() => zstd.decompress(Buffer.from('28b52ffd0058010000', 'hex'))).toThrow('code -70')
    expect(rooms.map(room => room / 2 ** 20)).toEqual([1, 4, 16, 64, 256])
    for (const size of ['a0' + '01000010', 'e0' + '0100001000000000', 'e0' + '0000000001000000', '80' + '58' + '01000010']) {
      expect(() => zstd.decompress(Buffer.from(`28b52ffd${size}010000`, 'hex'))).toThrow('it has more than 268435456 bytes')
    }
    expect(rooms).toHaveLength(5)
  })

  it('is that of the runtime where there is one', async () => {
    const told: unknown[] = []
    const runtime: BuiltIn = {
      zstdCompressSync: bytes => Buffer.concat([Buffer.from('z'), bytes]),
      zstdDecompressSync: (bytes, options) => {
        told.push(options)
        return bytes.subarray(1)
      },
    }
    const zstd = await chooseZstd(runtime, () => Promise.reject(new RangeError('not needed')))
    expect(Buffer.from(zstd.decompress(Buffer.from(zstd.compress(Buffer.from('text'))))).toString()).toBe('text')
    expect(told).toEqual([{ maxOutputLength: mostExpandedBytes }])
  })

  it('says how to get it where there is none', async () => {
    const zstd = await chooseZstd({}, () => Promise.reject(new RangeError('Cannot find package')))
    const remedy = 'Run it on Node.js 22.15 or newer, or run `npm install @bokuweb/zstd-wasm`.'
    expect(() => zstd.compress(Buffer.alloc(1))).toThrow(remedy)
    expect(() => zstd.decompress(Buffer.alloc(1))).toThrow(TransportError)
  })
})

function flipped(bytes: Buffer, at: number, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] as number) ^ (1 << bit)
  return copy
}

/** A repetition of one byte that is longer than anything may become. */
function lz4Bomb(): Buffer {
  const block = Buffer.concat([Buffer.from('1f610100', 'hex'), Buffer.alloc(1_100_000, 255), Buffer.alloc(6)])
  const size = Buffer.alloc(4)
  size.writeUInt32LE(block.length)
  return Buffer.concat([Buffer.from('04224d18604000', 'hex'), size, block, Buffer.alloc(4)])
}

/** The same frame as the Java client writes it: it streams, and does not know the size beforehand. */
function withoutSize(frame: Buffer): Buffer {
  expect(frame[4]).toBe(0x80)
  return Buffer.concat([frame.subarray(0, 4), Buffer.from([0]), frame.subarray(5, 6), frame.subarray(10)])
}
