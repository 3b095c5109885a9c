// Kafka Streams beside our variants, where somebody has it: `--peers <folder>` or BENCH_PEERS names a folder in which
// `kafka-streams/run <question> 1 <topic>` works through a topic of the broker KAFKA_BROKER (host:port) and prints a line of
// JSON: `half2_cpu_s_per_m` and `half2_eps`, seconds of CPU per million and events per second over the second half, and `app`,
// with which the names of its own topics begin.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { App } from 'faust-ts'
import { openBroker, removeTopics } from './bench-broker.js'
import { fill } from './fill.js'
import type { Peer, Sample } from './measure.js'

const { values: options } = parseArgs({ options: { peers: { type: 'string' } }, strict: false })
const folder = options.peers ?? process.env['BENCH_PEERS']

/** The variant, or none. */
export function kafkaStreams(question: string): Record<string, Peer> {
  return folder === undefined ? {} : { 'Kafka Streams': events => measure(question, events) }
}

async function measure(question: string, events: number): Promise<Sample> {
  const broker = openBroker()
  const connection = await new App('bench', { broker: broker.url }).connect()
  await fill(connection, broker, events)
  await connection.close()
  const { app, half2_cpu_s_per_m: cpu, half2_eps: perSecond } = await run(question, broker.name('events'), broker.url)
  await removeTopics(broker.url, name => name.startsWith(`${app}-`))
  await broker.remove()
  return { cpu, wall: 1e6 / perSecond, outcome: null }
}

interface Line {
  readonly app: string
  readonly half2_cpu_s_per_m: number
  readonly half2_eps: number
}

async function run(question: string, topic: string, url: string): Promise<Line> {
  const program = join(String(folder), 'kafka-streams', 'run')
  const child = spawn(program, [question, '1', topic], {
    env: { ...process.env, KAFKA_BROKER: url.slice('kafka://'.length) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const [output, code] = await Promise.all([text(child.stdout), ended])
  if (code !== 0) throw new Error(`${program} ended with exit code ${code}.\n${output}`)
  return JSON.parse(output.trim().split('\n').at(-1)!) as Line
}
