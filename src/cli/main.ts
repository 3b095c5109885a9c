// What bin/faust.js imports: one call of `faust`.
import { execute } from './execute.js'
import { processTerminal } from './terminal.js'

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
})

void execute(process.argv.slice(2), { terminal: processTerminal }).then(code => {
  // What an app keeps open (a pool, an interval) must not keep a finished command alive.
  process.stdout.write('', () => process.exit(code === 0 ? process.exitCode : code))
})
