/** The parts of the package that are used here; it comes without types. */
declare module 'fourier-transform' {
  /** Real and imaginary parts, of half the length of the signal and one. */
  type Spectrum = [re: Float64Array, im: Float64Array]
  /** The spectrum of a real signal, not scaled. */
  export function fft(signal: Float64Array | Float32Array, spectrum?: Spectrum): Spectrum
  /** The real signal of a spectrum, scaled by 1 / length. */
  export function ifft(re: Float64Array, im: Float64Array, signal?: Float64Array): Float64Array
}
