const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** The smallest unit in which the bytes are below `limit`. */
function unitOf(bytes: number, limit = 1023.5): number {
  let index = 0
  while (index < units.length - 1 && bytes / 1024 ** index >= limit) index++
  return index
}

/** At most four characters up to 1023 of the unit: `0`, `9.4`, `62.1`, `1023`. */
function inUnit(bytes: number, index: number): string {
  const value = bytes / 1024 ** index
  return index === 0 || value >= 99.95 || value === 0 ? String(Math.round(value)) : value.toFixed(1)
}

/** `62.1 MiB`. */
export function formatBytes(bytes: number): string {
  const index = unitOf(bytes)
  return `${inUnit(bytes, index)} ${units[index]}`
}

/** `62.1/100 MiB`, `302/1144 MiB`: both in a unit in which the share is seen to move. */
export function formatShare(bytes: number, totalBytes: number): string {
  const index = unitOf(totalBytes, 9999.5)
  return `${inUnit(Math.min(bytes, totalBytes), index)}/${inUnit(totalBytes, index)} ${units[index]}`
}

/** `0 %`, `under 1 %`, `42 %`, `over 99 %`: none and all are said of nothing else. `whole` is above 0. */
export function formatPercent(part: number, whole: number): string {
  const percent = (100 * part) / whole
  if (percent > 0 && percent < 1) return 'under 1 %'
  if (percent > 99 && percent < 100) return 'over 99 %'
  return `${Math.round(percent)} %`
}

/** `12.3 MiB/s`. */
export const formatRate = (bytesPerSec: number) => `${formatBytes(bytesPerSec)}/s`

/** At most six characters: `3s`, `1m05s`, `2h03m`, `4d12h`, `>99d`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole}s`
  if (whole < 3600) return `${Math.floor(whole / 60)}m${pad(whole % 60)}s`
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h${pad(Math.floor(whole / 60) % 60)}m`
  const days = Math.floor(whole / 86_400)
  return days > 99 ? '>99d' : `${days}d${pad(Math.floor(whole / 3600) % 24)}h`
}

/** As formatSeconds, with tenths below ten seconds: `0.4s`. For what took so long. */
export const formatTook = (seconds: number) =>
  seconds < 9.95 ? `${Math.max(0, seconds).toFixed(1)}s` : formatSeconds(seconds)

const pad = (number: number) => String(number).padStart(2, '0')
