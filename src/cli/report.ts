import { CommanderError } from 'commander'
import type { Terminal } from './terminal.js'

/** Says what went wrong, in one line unless the stack is asked for; returns the exit code. */
export function report(error: unknown, options: { terminal: Pick<Terminal, 'note'>; withStack: boolean }): number {
  const { terminal, withStack } = options
  if (error instanceof CommanderError) return reportUsage(error, options)
  terminal.note(`error: ${inWords(error)}`)
  if (withStack) terminal.note(stackOf(error))
  else if (!isOurs(error)) terminal.note('(--debug shows where)')
  return 1
}

/** An error and what caused it, without stacks. */
export function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error && !error.message.includes(error.cause.message) ? ` (${inWords(error.cause)})` : ''
  return `${error.name}: ${error.message}${cause}`
}

function reportUsage(error: CommanderError, { terminal, withStack }: Parameters<typeof report>[1]): number {
  if (['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(error.code)) return error.exitCode === 0 ? 0 : 2
  terminal.note(`error: ${error.message.replace(/^error: /, '').replaceAll('\n(', ' (')}`)
  if (withStack && error.cause !== undefined) terminal.note(stackOf(error.cause))
  return error.code.startsWith('commander.') ? 2 : error.exitCode
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const stack = error.stack ?? inWords(error)
  return error.cause === undefined ? stack : `${stack}\ncaused by ${stackOf(error.cause)}`
}

/** Errors of the library say by themselves what to do. */
function isOurs(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('FAUST_')
}
