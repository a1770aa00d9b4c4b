/* The parts of the search for chains. */
#ifndef REFTRACKER_ANALYZE_REACH_PRIVATE_H
#define REFTRACKER_ANALYZE_REACH_PRIVATE_H

#include "analyze/reach.h"

/** Fill in reach->chains, from the order. Linear. */
_must_check_ struct error *reach_measure_chains(struct reach *reach);

#endif
