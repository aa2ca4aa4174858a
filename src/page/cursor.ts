import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { ReportData } from '../report/report-data.js';
import type { TimeModel } from './time-model.js';

/** What all views look at together. */
export interface Cursor {
  /** Steps that are done. */
  readonly step: number;
  /** Row of the timeline's warps; null: none. */
  readonly warp: number | null;
  /** The steps that views over time show. */
  readonly span: Span;
  /** The source line in focus; null: none. */
  readonly place: SourcePlace | null;
}

export interface Span {
  readonly firstStep: number;
  readonly steps: number;
}

export interface SourcePlace {
  readonly file: string;
  readonly line: number;
}

/** A report as its views have it. */
export interface Report {
  readonly data: ReportData;
  /** Null: there is no timeline. */
  readonly model: TimeModel | null;
  readonly cursor: Cursor;
  /** Moves the cursor: what is left out stays. */
  move(change: Partial<Cursor>): void;
  /** Moves to a source line and shows it. */
  show(place: SourcePlace): void;
}

export const ReportContext = createContext<Report | null>(null);

/** The report that a view is part of. */
export function useReport(): Report {
  const report = useContext(ReportContext);
  if (report === null) throw new Error('a view outside of a report');
  return report;
}
