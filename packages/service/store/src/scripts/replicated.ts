import { Script } from '../script.js';

export const STAND = new Script('sandpiperStand', 1, 'operation/stand');
