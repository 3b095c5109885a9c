import { basename, extname } from 'node:path'
import type { App } from '../index.js'
import { execute } from './execute.js'
import { processTerminal } from './terminal.js'

/**
 * The command line of one app, for a program of your own: what `faust -A <module>` does, without the `-A`. Resolves to the
 * exit code, which is also set as `process.exitCode`; never rejects.
 *
 * @example
 * #!/usr/bin/env node
 * import { run } from 'faust-ts/cli'
 * import { app } from './app.js'
 *
 * await run(app)
 */
export async function run(app: App, argv: readonly string[] = process.argv.slice(2)): Promise<number> {
  const script = process.argv[1] ?? app.id
  const code = await execute(argv, { app, program: basename(script, extname(script)), terminal: processTerminal })
  if (code !== 0) process.exitCode = code
  return code
}
