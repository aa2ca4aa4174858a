import { describeReplays } from './describe-replays.js';

describeReplays('all-to-all');
describeReplays('hang');
