import { setTimeout as sleep } from 'node:timers/promises'
import { App, unchecked } from 'faust-ts'
import { expect, inject, test } from 'vitest'
import { kafka } from '../../src/kafka/kafka.js'
import { silentLogger } from '../../src/lib/log.js'
import type { Connection, Reader, Transport } from '../../src/transport/transport.js'
import { createTopic, eventually } from './steering.js'

/** Of the readers of one worker: which partitions of a topic were added and removed, in their order. */
function watched(topic: string, steps: string[]): Transport {
  const transport = kafka({ brokers: [inject('kafka')] })
  const watch = (reader: Reader): Reader => ({
    add(at, start, deliver) {
      if (at.topic === topic) steps.push(`+${at.partition}`)
      reader.add(at, start, deliver)
    },
    remove(at) {
      if (at.topic === topic) steps.push(`-${at.partition}`)
      reader.remove(at)
    },
    resume: at => reader.resume(at),
    position: at => reader.position(at),
    highWatermark: at => reader.highWatermark(at),
    close: () => reader.close(),
  })
  return {
    kind: transport.kind,
    place: transport.place,
    async connect(context): Promise<Connection> {
      const connection = await transport.connect(context)
      return {
        admin: connection.admin,
        reader: options => watch(connection.reader(options)),
        producer: options => connection.producer(options),
        group: options => connection.group(options),
        close: () => connection.close(),
      }
    },
  }
}

interface Worker {
  readonly app: App
  /** Values by partition. */
  readonly seen: Map<number, number[]>
  readonly steps: string[]
}

function worker(topic: string): Worker {
  const seen = new Map<number, number[]>()
  const steps: string[] = []
  const app = new App(`${topic}-app`, { broker: watched(topic, steps), logger: silentLogger })
  app.agent('counting', { topic: app.topic(topic, { value: unchecked<number>() }) }, async stream => {
    for await (const event of stream.events()) {
      const values = seen.get(event.partition) ?? []
      seen.set(event.partition, values)
      values.push(event.value)
    }
  })
  return { app, seen, steps }
}

test('a second worker comes and goes: partitions that do not move keep their reader, and nothing is lost or out of order', async () => {
  const topic = `handover-${Date.now()}`
  await createTopic(inject('kafka'), { name: topic, partitions: 4 })
  const [first, second] = [worker(topic), worker(topic)]
  await using _ = await first.app.start()
  let isWriting = true
  let sent = 0
  const out = first.app.topic(topic, { value: unchecked<number>() })
  const writing = (async () => {
    for (; isWriting; sent++) {
      await Promise.all([0, 1, 2, 3].map(partition => out.send(sent, { partition })))
      await sleep(5)
    }
  })()
  await eventually('a first worker with everything', () => Promise.resolve(first.seen.size === 4))
  const running = await second.app.start()
  await eventually('a second worker at work', () => Promise.resolve(second.seen.size === 2))
  await sleep(500)
  await running.stop()
  const moved = [...second.seen.keys()]
  const kept = [0, 1, 2, 3].filter(partition => !moved.includes(partition))
  await eventually('the first worker with everything again', () =>
    Promise.resolve(moved.every(partition => first.steps.filter(step => step === `+${partition}`).length === 2)),
  )
  isWriting = false
  await writing
  await eventually('the end', () => Promise.resolve([...first.seen.values()].every(values => values.at(-1) === sent - 1)))
  for (const partition of kept) {
    expect(first.steps.filter(step => step.endsWith(String(partition)))).toEqual([`+${partition}`])
    expect(first.seen.get(partition)).toEqual(Array.from({ length: sent }, (_unused, value) => value))
  }
  for (const partition of moved) {
    const values = [...first.seen.get(partition)!, ...second.seen.get(partition)!]
    expect(new Set(values).size).toBe(sent)
    // Each handed over in good order: nothing was processed twice.
    expect(values.length).toBe(sent)
  }
}, 60_000)
