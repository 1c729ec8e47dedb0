import { logLevels } from '../../core/lib/log.ts'
import { type Env, loadSettings, oneOf, text } from '../../core/lib/settings.ts'

export const demoSettings = {
  socket: text('PULLTRACE_DEMO_SOCKET', undefined, 'path of the unix socket to serve'),
  logLevel: oneOf(logLevels)('PULLTRACE_LOG_LEVEL', 'info', 'least level that is logged'),
}

export const loadDemoConfig = (env: Env) => loadSettings('the demo runtime', demoSettings, env)
