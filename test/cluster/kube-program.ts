import { existsSync } from 'node:fs'
import path from 'node:path'
import { findProgram } from '../rig/programs.ts'

export type KubeProgram =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kube-proxy'
  | 'kubelet'
  | 'kubectl'

/** File and first arguments of a program: from the folder of envtest's binaries when there is one, else our own build. */
export async function findKubeProgram(name: KubeProgram, env = process.env): Promise<readonly [string, ...string[]]> {
  const assets = env['KUBEBUILDER_ASSETS']
  // envtest has etcd, kube-apiserver and kubectl only.
  const theirs = assets ? path.join(assets, name) : undefined
  if (theirs !== undefined && existsSync(theirs)) return [theirs]
  return [await findProgram('kube'), name]
}
