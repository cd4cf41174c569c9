import { Script } from '../redis/script.js';

export const STAND = new Script('sandpiperStand', 1, 'operation/stand');
