// CountedTree, complete: the contract is in counted_tree_class.h, the rest defines its functions.
#pragma once

#include "storage/value/counted_tree_class.h"
#include "storage/value/counted_tree_edit.h"
#include "storage/value/counted_tree_find.h"
#include "storage/value/counted_tree_remove.h"
