import { join } from 'node:path'
import { freePorts } from './ports.js'
import type { NodeLayout } from './server-properties.js'

/** Numbers nodes from 1 and gives each a folder below `folder`. `ports` has an entry per node: its port for every listener. */
export async function layOut(folder: string, ports: readonly Readonly<Record<string, number>>[]): Promise<NodeLayout[]> {
  const controllerPorts = await freePorts(ports.length)
  return controllerPorts.map((controllerPort, index) => ({
    id: index + 1,
    folder: join(folder, String(index + 1)),
    ports: ports[index] ?? {},
    controllerPort,
  }))
}
