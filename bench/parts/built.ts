// Inner parts of the built library: what is measured against it runs the same compiled code.

/**
 * @example
 * import type * as checksums from '../../src/kafka/records/crc32c.js'
 * const { crc32c } = await built<typeof checksums>('kafka/records/crc32c.js')
 */
export const built = <Module>(path: string): Promise<Module> =>
  import(new URL(`../../dist/${path}`, import.meta.url).href) as Promise<Module>
