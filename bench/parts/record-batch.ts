// What the record-batch codec costs per record: `node --import tsx bench/parts/record-batch.ts`.
import type { Outgoing } from 'faust-ts/transport'
import { type CompressionName, compressionNames } from '../../src/kafka/records/compression.js'
import { crc32c } from '../../src/kafka/records/crc32c.js'
import { field } from '../../src/kafka/records/record-batch.js'
import { RecordReader } from '../../src/kafka/records/record-reader.js'
import { RecordWriter } from '../../src/kafka/records/record-writer.js'
import { loadCompression } from '../../src/kafka/wire.js'
import { median, print } from './measure.js'

const recordsPerBatch = 500
const batchesPerAnswer = 4
const recordsPerRound = 200_000
const rounds = 15

interface Cost {
  readonly what: string
  readonly median: number
  readonly best: number
}

const compression = await loadCompression()
const messages = Array.from({ length: recordsPerBatch }, (_, index) => messageAt(index))

const plain = [
  ...(['append', 'append, checksum and close'] as const).map(what => [what, encoding('none', what !== 'append')] as const),
  ['checksum', checksums()] as const,
  ['decode, unchecked', decoding('none', false)] as const,
  ['decode, checksum checked', decoding('none', true)] as const,
]
const packed = compressionNames
  .filter(name => name !== 'none')
  .flatMap(name => [[`${name}: encode`, encoding(name, true)] as const, [`${name}: decode`, decoding(name, true)] as const])

print<Cost>({
  title: `record-batch: ${messages[0]!.value!.length} bytes of JSON, ${recordsPerBatch} records a batch, ${rounds} rounds`,
  rows: measure(Object.fromEntries([...plain, ...packed])),
  columns: {
    'per record': cost => cost.what,
    'CPU ns': cost => cost.median.toFixed(0),
    best: cost => cost.best.toFixed(0),
  },
})

/** Each in turn, so that what disturbs the machine disturbs all; the first rounds warm up. */
function measure(works: Readonly<Record<string, () => number>>): Cost[] {
  const samples = new Map(Object.keys(works).map(what => [what, [] as number[]]))
  for (let round = -3; round < rounds; round++) {
    for (const [what, work] of Object.entries(works)) {
      const start = process.cpuUsage()
      let records = 0
      while (records < recordsPerRound) records += work()
      const { user, system } = process.cpuUsage(start)
      if (round >= 0) samples.get(what)!.push((1000 * (user + system)) / records)
    }
  }
  return Array.from(samples, ([what, own]) => ({ what, median: median(own), best: Math.min(...own) }))
}

function encoding(name: CompressionName, isClosed: boolean): () => number {
  const writer = new RecordWriter(compression)
  return () => {
    writer.restart()
    for (const message of messages) writer.append(message)
    if (isClosed) writer.close(closing(name))
    return recordsPerBatch
  }
}

function checksums(): () => number {
  const batch = encoded('none')
  return () => {
    crc32c(batch, field.attributes, batch.length)
    return recordsPerBatch
  }
}

function decoding(name: CompressionName, checksCrc: boolean): () => number {
  const records = Buffer.concat(Array<Buffer>(batchesPerAnswer).fill(encoded(name)))
  const size = records.length / batchesPerAnswer
  for (let batch = 0; batch < batchesPerAnswer; batch++) records.writeUInt32BE(batch * recordsPerBatch, batch * size + 4)
  const reader = new RecordReader({ topic: 'input', partition: 0 }, 0, { compression, checksCrc })
  return () => {
    let count = 0
    reader.position = 0
    reader.open({ records, aborted: null })
    for (let batch = reader.next(); batch !== null; batch = reader.next()) count += batch.count
    return count
  }
}

function encoded(name: CompressionName): Buffer {
  const writer = new RecordWriter(compression)
  for (const message of messages) writer.append(message)
  return Buffer.from(writer.close(closing(name)))
}

function closing(name: CompressionName): Parameters<RecordWriter['close']>[0] {
  return { producerId: 1, producerEpoch: 0, baseSequence: 0, isTransactional: false, compression: name }
}

function messageAt(index: number): Outgoing {
  const text = { id: 1_000_000 + index, user: `user-${1000 + ((index * 7919) % 9000)}`, amount: 100 + ((index * 31) % 900) }
  const value = JSON.stringify({ ...text, at: 1_700_000_000_000 + index, note: `order ${1_000_000 + index * 17}, express` })
  const key = Buffer.from(text.user)
  const timestamp = 1_700_000_000_000 + index
  return { topic: 'input', partition: 0, timestamp, key, keyStart: 0, keyEnd: key.length, value, headers: null }
}
