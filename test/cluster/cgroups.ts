import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { processRuns } from '../rig/child.ts'

const run = promisify(execFile)

const mount = '/sys/fs/cgroup'

/** Every folder that holds cgroups: one for each controller (v1), or the only one (v2). */
const hierarchies = () => [mount, ...readdirSync(mount).map(name => path.join(mount, name))]

/** The cgroups of this name, in every hierarchy. */
export const cgroupsOf = (name: string): string[] =>
  hierarchies()
    .map(folder => path.join(folder, name))
    .filter(folder => existsSync(folder))

/**
 * Makes the cgroup that a node's containers will be in, and gives all of them together what ten processes get. On a
 * node of its own nothing else would want the processor; here they would share what one process of the test gets.
 */
export async function makeCgroup(name: string): Promise<void> {
  for (const [folder, file, share] of [
    [path.join(mount, 'cpu'), 'cpu.shares', '10240'],
    [mount, 'cpu.weight', '1000'],
  ] as const) {
    if (!existsSync(path.join(folder, file === 'cpu.shares' ? file : 'cgroup.subtree_control'))) continue
    await mkdir(path.join(folder, name), { recursive: true })
    const target = path.join(folder, name, file)
    // Where cgroup v2 does not hand this controller on, there is no such file, and no limit either.
    if (existsSync(target)) await writeFile(target, share)
  }
}

/** Removes what a node's containers left: its cgroup and those below, empty since the node is gone. */
export async function removeCgroups(name: string): Promise<void> {
  const there = cgroupsOf(name)
  if (there.length > 0) await run('find', [...there, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'])
}

/** Removes those of nodes whose test was killed. They are named as the nodes' folders, which hold that process's id. */
export async function sweepCgroups(): Promise<void> {
  const names = new Set(hierarchies().flatMap(rigNames))
  // Another run may be sweeping the same.
  await Promise.all([...names].map(name => removeCgroups(name).catch(() => {})))
}

function rigNames(folder: string): string[] {
  try {
    return readdirSync(folder).filter(name => {
      const [, owner] = /^pulltrace-rig-(\d+)-/.exec(name) ?? []
      return owner !== undefined && !processRuns(Number(owner))
    })
  } catch {
    return [] // A file, not a folder.
  }
}
