import { InvalidArgumentError, type Command } from 'commander'
import type { Duration } from '../index.js'
import { sourceOf } from './agent-names.js'
import { keyOption, readJson, type AnyAgent } from './send-command.js'
import { reaching, runs, type Session, type Shell } from './session.js'

/** `faust ask`. */
export function addAsk(program: Command, shell: Shell): void {
  const command = program
    .command('ask')
    .description('ask an agent; prints its answer as JSON')
    .argument('<agent>', 'its name')
    .argument('<json>', 'the value', readJson)
    .addOption(keyOption())
    .option('--timeout <duration>', 'how long to wait for the answer: 500ms, 5s, 1m; default 30s', readDuration)
    .addHelpText('after', `\nExample:\n  $ faust -A ./app.ts ask adding '{"a": 4, "b": 8}' --timeout 5s`)
  runs(command, shell, session => ask(session, command))
}

async function ask(session: Session, command: Command): Promise<void> {
  const [agent, value] = command.processedArgs as [string, unknown]
  const { key, timeout } = command.opts<{ key?: string; timeout?: Duration }>()
  const topic = sourceOf(session.app, agent)
  const answer = await reaching(session, () => session.app.remote<AnyAgent>(topic).ask(value, { key, timeout }))
  session.terminal.print(JSON.stringify(answer) ?? 'null')
}

function readDuration(text: string): Duration {
  if (/^\d+$/.test(text)) return Number(text)
  if (/^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text)) return text as Duration
  throw new InvalidArgumentError('A duration is a number and a unit, such as 500ms, 5s, 1m.')
}
