import { describeReplays } from './describe-replays.js';

describeReplays('prepare-indices');
describeReplays('local-gather');
