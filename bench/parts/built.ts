// Inner parts of the built library: what is measured against it runs the same compiled code.

/** @example const { crc32c } = await built<typeof import('../../src/kafka/crc32c.js')>('kafka/crc32c.js') */
export const built = <Module>(path: string): Promise<Module> =>
  import(new URL(`../../dist/${path}`, import.meta.url).href) as Promise<Module>
