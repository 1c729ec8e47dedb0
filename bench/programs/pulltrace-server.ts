import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { main } from '../../server/pulltrace/main.ts'
import { answerUsage } from '../measure.ts'

/** The real server on a free port, with its history in a folder of its own. */
const dataDir = mkdtempSync(path.join(tmpdir(), 'pulltrace-bench-'))
process.on('exit', () => rmSync(dataDir, { recursive: true, force: true }))
const settings = {
  PULLTRACE_HTTP_ADDR: '127.0.0.1:0',
  PULLTRACE_METRICS_ADDR: '127.0.0.1:0',
  PULLTRACE_READER_AUTH: 'none',
  PULLTRACE_DATA_DIR: dataDir,
  PULLTRACE_LOG_LEVEL: 'error',
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(PULLTRACE|TK)_/.test(name))),
}
await main(settings, new AbortController().signal, { onListening: (url: string) => answerUsage(url) })
