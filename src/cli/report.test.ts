import { CommanderError } from 'commander'
import { expect, test } from 'vitest'
import { OptionError } from '../index.js'
import { report } from './report.js'
import { failure, usageError } from './usage-error.js'

function reported(error: unknown, withStack = false): { code: number; noted: string } {
  const noted: string[] = []
  const terminal = {
    print: (text: string) => noted.push(`printed ${text}`),
    note: (text: string) => noted.push(text),
    isInteractive: false,
    width: 80,
  }
  return { code: report(error, { terminal, withStack }), noted: noted.join('\n') }
}

test('wrong usage is exit code 2, all else 1', () => {
  expect(reported(usageError('no such agent'))).toEqual({ code: 2, noted: 'error: no such agent' })
  expect(reported(new CommanderError(1, 'commander.unknownOption', "error: unknown option '--x'\n(Did you mean --y?)"))).toEqual({
    code: 2,
    noted: "error: unknown option '--x' (Did you mean --y?)",
  })
  expect(reported(failure('Cannot load app.ts', new TypeError('boom')))).toEqual({ code: 1, noted: 'error: Cannot load app.ts' })
  expect(reported(new TypeError('boom'))).toEqual({ code: 1, noted: 'error: TypeError: boom\n(--debug shows where)' })
  expect(reported('text')).toEqual({ code: 1, noted: 'error: text\n(--debug shows where)' })
})

test('help that was asked for is none', () => {
  expect(reported(new CommanderError(0, 'commander.helpDisplayed', '(outputHelp)'))).toEqual({ code: 0, noted: '' })
  expect(reported(new CommanderError(1, 'commander.help', '(outputHelp)'))).toEqual({ code: 2, noted: '' })
})

test('causes are named, stacks shown when asked for', () => {
  const error = new OptionError('broker is wrong.', { option: 'broker', cause: new RangeError('too far') })
  expect(reported(error).noted).toBe('error: OptionError: broker is wrong. (RangeError: too far)')
  expect(reported(error, true).noted).toMatch(/report\.test\.ts[^]*caused by RangeError: too far\n.*at /)
})
