import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { App, text, unchecked, type Running } from 'faust-ts'
import { expect, inject, onTestFinished, test } from 'vitest'
import { openCluster } from '../../src/kafka/cluster/open-cluster.js'
import { KafkaConnection } from '../../src/kafka/connection.js'
import { Compression } from '../../src/kafka/records/compression.js'
import { crc32c } from '../../src/kafka/records/crc32c.js'
import { bytesBeforeLength, field, RecordBatch } from '../../src/kafka/records/record-batch.js'
import { chooseZstd } from '../../src/kafka/records/zstd.js'
import { readSettings } from '../../src/kafka/settings.js'
import { loadCompression } from '../../src/kafka/wire.js'
import type { Logger } from '../../src/lib/log.js'
import type { Transport } from '../../src/transport/transport.js'
import { produceLines } from './java-tools.js'
import { createTopic, eventually, type Place } from './steering.js'
import { Reading, store, Traffic } from './traffic.js'

const bootstrap = inject('kafka')
const kept = { 'retention.ms': '-1' }

/** Gives the batch at an offset a compression that nobody knows. Brokers take no such batch, and hand out what is on their disk. */
function makeStrange({ topic, partition }: Place, offset: number): void {
  const file = join(inject('kafkaMessages'), `${topic}-${partition}`, '00000000000000000000.log')
  const log = readFileSync(file)
  for (let start = 0; start < log.length;) {
    const end = start + bytesBeforeLength + log.readInt32BE(start + field.length)
    const batch = new RecordBatch(log, start, end)
    if (batch.baseOffset === offset) {
      log.writeInt16BE(batch.attributes | 5, start + field.attributes)
      log.writeUInt32BE(crc32c(log, start + field.attributes, end), start + field.checksum)
    }
    start = end
  }
  writeFileSync(file, log, { flag: 'r+' })
}

test('a compression that nobody knows ends its partition with an error that says where and what; others go on', async () => {
  await createTopic(bootstrap, { name: 'strange', partitions: 2, config: kept })
  const [at, beside] = [0, 1].map(partition => ({ topic: 'strange', partition })) as [Place, Place]
  const traffic = await Traffic.open(bootstrap)
  const producer = await traffic.producer()
  for (const value of ['before', 'unreadable', 'after']) await store(producer, at, [value])
  await store(producer, beside, ['first'])
  makeStrange(at, 1)
  const reader = traffic.reader()
  const [reading, other] = [new Reading(reader, at), new Reading(reader, beside)]
  await eventually('an error', () => Promise.resolve(traffic.errors.length > 0))
  await store(producer, beside, ['second'])
  await other.has(2)
  expect(traffic.errors.map(({ message }) => message)).toEqual([
    'Cannot read "strange"[0]@1. Cannot decompress algorithm 5: it is newer than this library. Update faust-ts.',
  ])
  expect([reading.values, other.values]).toEqual([['before'], ['first', 'second']])
})

/** Kafka as a runtime sees it that has no zstd, nor a package that does. */
function withoutZstd(): Transport {
  const settings = readSettings({ brokers: [bootstrap] })
  return {
    kind: 'kafka',
    place: settings.place,
    async connect(context) {
      const all = await loadCompression()
      const compression = new Compression({
        snappy: bytes => all.compress('snappy', bytes),
        lz4: bytes => all.compress('lz4', bytes),
        zstd: await chooseZstd({}, () => Promise.reject(new Error('There is no such package.'))),
      })
      return new KafkaConnection({ context, cluster: await openCluster(settings, context), compression })
    },
  }
}

test('zstd where there is none: the worker says so, skips nothing, goes on with the rest, and reads it where it can', async () => {
  await createTopic(bootstrap, { name: 'tight', config: kept })
  await createTopic(bootstrap, { name: 'loose', config: kept })
  const producer = await (await Traffic.open(bootstrap)).producer()
  await store(producer, { topic: 'tight', partition: 0 }, ['before'])
  await produceLines(bootstrap, 'tight', ['packed', 'packed too'], ['--compression-codec', 'zstd'])
  const said: string[] = []
  const say = (_: object, message: string): void => void said.push(message)
  const log: Logger = { debug: () => undefined, info: () => undefined, warn: say, error: say, child: () => log }
  const seen: string[] = []
  const start = async (broker: Transport | string): Promise<Running> => {
    const app = new App('tight-app', { broker, logger: log })
    for (const name of ['tight', 'loose']) {
      app.agent(name, { topic: app.topic(name, { value: unchecked<string>(), codec: text }) }, async stream => {
        for await (const value of stream) seen.push(`${name} ${value}`)
      })
    }
    const running = await app.start()
    onTestFinished(() => running.stop())
    return running
  }

  const running = await start(withoutZstd())
  await eventually('a line in the log', () => Promise.resolve(said.length > 0))
  await store(producer, { topic: 'loose', partition: 0 }, ['goes on'])
  await eventually('the other partition', () => Promise.resolve(seen.includes('loose goes on')))
  await running.stop()
  expect(said.join('\n')).toContain('"tight"[0]@1. Cannot use zstd: neither this runtime nor a package has it.')
  expect(said.join('\n')).toContain('npm install @bokuweb/zstd-wasm')
  expect(seen.toSorted()).toEqual(['loose goes on', 'tight before'])

  await start(`kafka://${bootstrap}`)
  await eventually('all of it', () => Promise.resolve(seen.length === 4))
  expect(seen.slice(2)).toEqual(['tight packed', 'tight packed too'])
})
