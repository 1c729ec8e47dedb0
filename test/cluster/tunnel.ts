import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Child, startChild, waitUntil } from '../rig/child.ts'
import { freePorts } from '../rig/ports.ts'
import type { ControlPlane } from './control-plane.ts'
import { findKubeProgram } from './kube-program.ts'

/** A port of this machine that leads to one of a Service, through the API server and the kubelet. */
export interface Tunnel {
  /** `http://127.0.0.1:port`: stays, also when the pod behind it is another one. */
  readonly url: string
  stop(): Promise<void>
}

/** `kubectl port-forward`, started again whenever its pod goes, for as long as the tunnel is open. */
export async function openTunnel(
  plane: ControlPlane,
  namespace: string,
  service: string,
  port: number,
): Promise<Tunnel> {
  const [local] = (await freePorts(1, '127.0.0.1')) as [number]
  const [program, ...first] = await findKubeProgram('kubectl')
  const args = [...first, 'port-forward', `--namespace=${namespace}`, `service/${service}`, `${local}:${port}`]
  const log = path.join(plane.dir, `tunnel-${local}.log`)
  const env = { ...process.env, HOME: plane.dir, KUBECONFIG: plane.kubeconfig() }
  const start = () => startChild(program, args, log, env)

  let stopped = false
  let child: Child = await start()
  await waitUntil(child, async () => (child.log().includes('Forwarding from') ? true : undefined))
  const keep = async () => {
    for (;;) {
      await child.exited
      await delay(100)
      if (stopped) return
      child = await start()
      if (stopped) await child.end('SIGKILL')
    }
  }
  const kept = keep()
  return {
    url: `http://127.0.0.1:${local}`,
    async stop() {
      stopped = true
      await child.end('SIGKILL')
      await kept
    },
  }
}
