import type { Command } from 'commander'
import type { AgentDescription } from '../index.js'
import { runs, type Session, type Shell } from './session.js'
import { printTable, type Columns } from './table.js'

/** `faust agents`. */
export function addAgents(program: Command, shell: Shell): void {
  runs(program.command('agents').description('list the agents'), shell, list)
}

type Row = Omit<AgentDescription, 'running' | 'failed' | 'restarted' | 'ended'>

const columns: Columns<Row> = {
  name: ({ name }) => name,
  topic: ({ source, isChannel }) => (isChannel ? `${source} (channel)` : source),
  concurrency: ({ concurrency, isolatedPartitions }) => (isolatedPartitions ? 'one per partition' : concurrency),
  'on error': ({ onError }) => onError,
  supervisor: ({ supervisor }) => supervisor,
  sinks: ({ sinks }) => sinks.join(', '),
}

function list(session: Session): void {
  const { agents } = session.app.describe()
  // What runs, runs in another process.
  const rows = agents.map(({ running: _running, failed: _failed, restarted: _restarted, ended: _ended, ...row }) => row)
  printTable(session, rows, columns)
}
