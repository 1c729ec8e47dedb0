import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Child, makeRigDir, removeRigDir, startChild, waitUntil } from '../rig/child.ts'
import { freePorts } from '../rig/ports.ts'
import { findProgram } from '../rig/programs.ts'

export interface Nginx {
  readonly url: string
  /** Cuts every connection, and takes new ones on the same port. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/**
 * Debian's nginx in front of a server, as someone sets it up who has read nothing: `proxy_pass` and no other word
 * about the proxy, so buffering is on and it speaks HTTP/1.0 to the server.
 */
export async function startNginx(serverUrl: string): Promise<Nginx> {
  const file = await findProgram('nginx')
  const dir = await makeRigDir('nginx')
  const config = path.join(dir, 'nginx.conf')
  await mkdir(path.join(dir, 'temp'))
  let url = ''
  const start = async (): Promise<Child> => {
    const args = ['-p', dir, '-c', config, '-e', path.join(dir, 'error.log')]
    const child = await startChild(file, args, path.join(dir, 'nginx.log'))
    // Any answer will do: the server behind it may be down.
    await waitUntil(child, async () => (await fetch(url).catch(() => undefined)) && true)
    return child
  }
  const begin = async () => {
    // nginx cannot choose a port by itself, and between our choice and its bind another may take it.
    for (let tries = 1; ; tries++) {
      const [port] = (await freePorts(1)) as [number]
      url = `http://127.0.0.1:${port}`
      await writeFile(config, configOf(dir, port, serverUrl))
      try {
        return await start()
      } catch (error) {
        if (tries < 3) continue
        await removeRigDir(dir)
        throw error
      }
    }
  }
  let child = await begin()
  return {
    url,
    async restart() {
      await child.end('SIGTERM')
      child = await start()
    },
    async stop() {
      await child.end('SIGTERM')
      await removeRigDir(dir)
    },
  }
}

/** One process that stays in the foreground and writes to its own folder only; the rest is nginx's default. */
function configOf(dir: string, port: number, serverUrl: string): string {
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `daemon off;
master_process off;
pid ${dir}/nginx.pid;
events {}
http {
  access_log off;
${temp.map(name => `  ${name}_temp_path ${dir}/temp/${name};`).join('\n')}
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${serverUrl};
    }
  }
}
`
}
