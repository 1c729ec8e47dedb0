import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'

const fileOf = (databaseFile: string) => `${databaseFile}.holder`

/**
 * Notes who has the database open. Only for the message of the next starter: the
 * lock is the kernel's, so a note that a dead process left behind locks nobody out.
 */
export function writeHolder(databaseFile: string, nowMs: number): void {
  const holder = { pid: process.pid, host: hostname(), since: new Date(nowMs).toISOString() }
  writeFileSync(fileOf(databaseFile), `${JSON.stringify(holder)}\n`, { mode: 0o600 })
}

export function removeHolder(databaseFile: string): void {
  rmSync(fileOf(databaseFile), { force: true })
}

/** 'process 4711 on node-a, since ...'; undefined when nobody left a note. */
export function readHolder(databaseFile: string): string | undefined {
  try {
    const { pid, host, since } = JSON.parse(readFileSync(fileOf(databaseFile), 'utf8'))
    return `process ${Number(pid)} on ${JSON.stringify(host)} since ${JSON.stringify(since)}`
  } catch {
    // No note, or a half-written one: the message says 'another process'.
    return undefined
  }
}
