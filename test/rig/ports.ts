import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/** Picked here before, and perhaps not bound yet. */
const given = new Set<number>()

/**
 * Free ports of an address, all different. They lie below the range that the kernel gives to outgoing connections:
 * a client that tries again and again while its server is down could else get the server's own port, and talk to itself.
 */
export async function freePorts(count: number, host = '127.0.0.1'): Promise<number[]> {
  const lowest = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t')[0])
  const first = Math.max(1024, Math.min(20_000, lowest - 8_000))
  const ports: number[] = []
  for (let tries = 0; ports.length < count; tries += 1) {
    if (tries > 1_000) throw new Error(`${host} has no ${count} free ports from ${first} to ${lowest - 1}`)
    const port = first + Math.floor(Math.random() * (lowest - first))
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port, host)) ports.push(port)
  }
  return ports
}

const isFree = (port: number, host: string) =>
  new Promise<boolean>(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
