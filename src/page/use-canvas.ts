import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Colour } from './strip-image.js';

/** A canvas that is as large as the page makes it, in CSS pixels; drawn anew when that, the theme or `draw` changes. */
export function useCanvas(
  draw: (context: CanvasRenderingContext2D, width: number, height: number) => void,
): RefObject<HTMLCanvasElement> {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [revision, setRevision] = useState(0);
  useEffect(() => {
    const again = (): void => setRevision((value) => value + 1);
    const observer = new ResizeObserver(again);
    if (canvas.current !== null) observer.observe(canvas.current);
    const theme = matchMedia('(prefers-color-scheme: dark)');
    theme.addEventListener('change', again);
    return () => {
      observer.disconnect();
      theme.removeEventListener('change', again);
    };
  }, []);
  // The revision stands for size and theme.
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d') ?? null;
    if (element === null || context === null) return;
    const { width, height } = element.getBoundingClientRect();
    const scale = devicePixelRatio || 1;
    element.width = Math.max(1, Math.round(width * scale));
    element.height = Math.max(1, Math.round(height * scale));
    context.setTransform(scale, 0, 0, scale, 0, 0);
    draw(context, Math.round(width), Math.round(height));
  }, [draw, revision]);
  return canvas;
}

/** A colour of the style sheet by its name: `running`. */
export const colourNamed = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** `#0072b2` as red, green, blue. */
export function colourParts(name: string): Colour {
  const value = Number.parseInt(colourNamed(name).slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** Draws pixels at (x, y) of a context that may be scaled. */
export function putImage(context: CanvasRenderingContext2D, image: ImageData, x: number, y: number): void {
  const canvas = document.createElement('canvas');
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext('2d')?.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, x, y);
}
