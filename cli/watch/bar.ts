const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** `width` columns, filled to `percent` (0 to 100) in steps of an eighth of a column; full only at 100. */
export function barOf(percent: number, width: number): string {
  const steps =
    percent >= 100 ? width * 8 : Math.min(Math.floor((Math.max(percent, 0) / 100) * width * 8), width * 8 - 1)
  const filled = '█'.repeat(Math.floor(steps / 8)) + eighths[steps % 8]
  return filled + '░'.repeat(Math.max(0, width - filled.length))
}
