import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

test('without the package msgpackr the first use says what to install', async () => {
  const program = `import Module from 'node:module'
    const resolve = Module._resolveFilename
    Module._resolveFilename = (name, ...rest) => resolve(name === 'msgpackr' ? 'not-installed' : name, ...rest)
    const { msgpack } = await import(${JSON.stringify(new URL('msgpack.ts', import.meta.url).href)})
    try { msgpack.encode(1) } catch ({ code, option, message }) { console.log(JSON.stringify({ code, option, message })) }`
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program])
  expect(JSON.parse(stdout)).toEqual({
    code: 'FAUST_OPTION',
    option: 'codec',
    message: 'Cannot use the codec msgpack: the package msgpackr is not installed. Run `npm install msgpackr`.',
  })
})
