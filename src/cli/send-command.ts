import { InvalidArgumentError, Option, type Command } from 'commander'
import type { Agent, Placement } from '../index.js'
import { sourceOf } from './agent-names.js'
import { reaching, runs, type Session, type Shell } from './session.js'
import { usageError } from './usage-error.js'

/** An agent of whatever it takes and answers, by the topic that it reads. */
export type AnyAgent = Agent<unknown, unknown, string | null>

/** `faust send`. */
export function addSend(program: Command, shell: Shell): void {
  const command = program
    .command('send')
    .description('send a value to a topic or an agent; prints where it went')
    .argument('<destination>', 'a topic, or @agent')
    .argument('<json>', 'the value; null is a tombstone', readJson)
    .addOption(keyOption())
    .option('--partition <n>', 'default: by the key, else in turn', readPartition)
    .addHelpText(
      'after',
      `\nExamples:\n  $ faust -A ./app.ts send orders '{"id": 7}' --key 7\n  $ faust -A ./app.ts send @adding '{"a": 4, "b": 8}'`,
    )
  runs(command, shell, session => send(session, command))
}

/** `--key`, of commands that send. */
export function keyOption(): Option {
  return new Option('-k, --key <key>', 'the message key, as text')
}

/** Reads a value from the command line. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    const hint = `quote it for the shell, and text twice: '"text"'`
    throw new InvalidArgumentError(`It is not JSON (${error instanceof Error ? error.message : String(error)}): ${hint}.`)
  }
}

async function send(session: Session, command: Command): Promise<void> {
  const [destination, value] = command.processedArgs as [string, unknown]
  const { key, partition } = command.opts<{ key?: string; partition?: number }>()
  const topic = destination.startsWith('@') ? sourceOf(session.app, destination) : topicNamed(session, destination)
  const placement = await reaching(session, async (): Promise<Placement> => {
    return session.app.remote<AnyAgent>(topic).send(value, { key, partition })
  })
  session.terminal.print(JSON.stringify(placement))
}

/** Any topic can be sent to; one that is not declared may be a slip. */
function topicNamed({ app, terminal }: Session, name: string): string {
  const { id, topics, agents } = app.describe()
  if (topics.some(topic => topic.name === name)) return name
  if (!/^[a-zA-Z0-9._-]{1,249}$/.test(name)) throw usageError(`"${name}" cannot be the name of a topic.`)
  const hint = agents.some(agent => agent.name === name) ? ` The agent of that name is @${name}.` : ''
  terminal.note(`note: "${id}" declares no topic "${name}": it is sent as JSON.${hint}`)
  return name
}

function readPartition(text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  throw new InvalidArgumentError('A partition is a whole number from 0.')
}
