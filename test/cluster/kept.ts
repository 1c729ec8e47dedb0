import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { cacheFolder } from '../rig/go-programs.ts'

/** What `make cluster-up` keeps running for people: all of it, or the control plane alone, which needs no root. */
export type Kept = 'cluster' | 'control-plane'

export interface KeptState {
  readonly pid: number
  readonly kubeconfig: string
  readonly url: string
  /** None for a control plane alone. */
  readonly nodes: readonly { readonly name: string; readonly containerdSocket: string }[]
  /** Where to push to, and where pods pull from. */
  readonly registry?: { readonly push: string; readonly pull: string }
  readonly imported?: string
  readonly seconds: number
}

export const keptFolder = (what: Kept): string => path.join(path.dirname(cacheFolder(process.env)), what)
export const stateFile = (what: Kept): string => path.join(keptFolder(what), 'state.json')
export const logFile = (what: Kept): string => path.join(keptFolder(what), 'log')

export function parseKept(text: string | undefined): Kept {
  if (text === 'cluster' || text === 'control-plane') return text
  throw new Error(`the argument must be 'cluster' or 'control-plane', got '${text ?? ''}'`)
}

/** Of one that runs. A state whose process is gone, or is another program by now, counts as none. */
export async function readState(what: Kept): Promise<KeptState | undefined> {
  try {
    const state = JSON.parse(await readFile(stateFile(what), 'utf8')) as KeptState
    return readFileSync(`/proc/${state.pid}/cmdline`, 'utf8').includes('cluster/keep.ts') ? state : undefined
  } catch {
    return undefined // No such file, or no such process.
  }
}
