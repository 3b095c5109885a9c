import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { getsWhatIsSent, isReadFromItsBeginning, isSkippedByNobody } from '../fixtures/made-again-laws.js'

const directory = mkdtempSync(join(tmpdir(), 'faust-again-'))
const broker = `embedded:${directory}`
afterAll(() => rmSync(directory, { recursive: true }))

test.for([0, 2000])(
  'a topic is deleted under workers and created again %i ms later: read from its beginning, once',
  (awayMs, context) => isReadFromItsBeginning(broker, awayMs, context),
)

test('a worker that stops right after, with offsets of the old topic still to commit, makes the next one skip nothing', context =>
  isSkippedByNobody(broker, context, async (stage, admin) => {
    expect((await stage.committed(admin)).filter(({ offset }) => offset > 0)).toEqual([])
  }))

test('a topic that a worker writes to is deleted and created again: what is sent afterwards gets there', context =>
  getsWhatIsSent(broker, context))
