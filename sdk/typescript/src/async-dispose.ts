// Node has it from 20.5 on. Before that a compiler's `await using` falls back to the same name.
const symbols: { asyncDispose?: symbol } = Symbol as never
if (symbols.asyncDispose === undefined) {
  Object.defineProperty(Symbol, 'asyncDispose', { value: Symbol.for('Symbol.asyncDispose') })
}
