using ParquetSharp;
using ParquetSharp.Schema;

namespace SparseRM.Data.Containers;

/// <summary>What a node of a parquet schema becomes in JSON.</summary>
internal enum ParquetKind
{
    /// <summary>A value of one column.</summary>
    Leaf,

    /// <summary>A list of the one child.</summary>
    List,

    /// <summary>An object of its children by name.</summary>
    Struct,

    /// <summary>An object whose names are the first child's values and whose values are the second child's.</summary>
    Map,
}

/// <summary>A readable part of a parquet schema; parts of types that no dialogue uses (dates, intervals) are left out of it.</summary>
/// <param name="Name">The column's or child's name.</param>
/// <param name="Kind">What it becomes.</param>
/// <param name="Present">Definition level from which on it is not null.</param>
/// <param name="Repeated">For lists and maps: definition level from which on an entry exists.</param>
/// <param name="Repetition">For lists and maps: repetition level of a further entry.</param>
/// <param name="Column">For leaves: index of the column.</param>
/// <param name="Children">What is below it and readable.</param>
internal sealed record ParquetNode(
    string Name, ParquetKind Kind, int Present, int Repeated, int Repetition, int Column, IReadOnlyList<ParquetNode> Children)
{
    private const int MaxDepth = 32;

    /// <summary>The readable columns of a file.</summary>
    /// <exception cref="InvalidDataException">The schema is deeper than any real one.</exception>
    public static IReadOnlyList<ParquetNode> Of(SchemaDescriptor schema)
    {
        int column = 0;
        using GroupNode root = schema.GroupNode;
        return ChildrenOf(root, 0, 0, 0, ref column);
    }

    private static List<ParquetNode> ChildrenOf(GroupNode group, int definition, int repetition, int depth, ref int column)
    {
        if (depth > MaxDepth) throw new InvalidDataException("the schema is too deep");
        var children = new List<ParquetNode>();
        foreach (Node child in group.Fields)
            using (child)
                if (Read(child, definition, repetition, depth + 1, ref column) is { } readable) children.Add(readable);
        return children;
    }

    private static ParquetNode? Read(Node node, int definition, int repetition, int depth, ref int column)
    {
        int present = definition + (node.Repetition == ParquetSharp.Repetition.Required ? 0 : 1);
        // A repeated field outside a LIST group is a list that is never null.
        if (node.Repetition == ParquetSharp.Repetition.Repeated)
            return Entry(node, present, repetition + 1, depth, ref column) is { } item
                ? new ParquetNode(node.Name, ParquetKind.List, definition, present, repetition + 1, -1, [item])
                : null;
        return node is GroupNode group && Inner(group) is { } inner
            ? Collection(group, inner, present, repetition + 1, depth, ref column)
            : Entry(node, present, repetition, depth, ref column);
    }

    // The value itself, once nulls and repetition are settled.
    private static ParquetNode? Entry(Node node, int present, int repetition, int depth, ref int column)
    {
        if (node is PrimitiveNode leaf)
        {
            int index = column++;
            return ParquetLeaf.IsReadable(leaf) ? new ParquetNode(node.Name, ParquetKind.Leaf, present, 0, 0, index, []) : null;
        }
        List<ParquetNode> children = ChildrenOf((GroupNode)node, present, repetition, depth, ref column);
        return children.Count > 0 ? new ParquetNode(node.Name, ParquetKind.Struct, present, 0, 0, -1, children) : null;
    }

    private static ParquetNode? Collection(GroupNode group, Node inner, int present, int repetition, int depth, ref int column)
    {
        using (inner)
        using (LogicalType type = group.LogicalType)
        {
            int repeated = present + 1;
            if (type.Type == LogicalTypeEnum.Map)
            {
                List<ParquetNode> pair = ChildrenOf((GroupNode)inner, repeated, repetition, depth + 1, ref column);
                return pair.Count == 2 ? new ParquetNode(group.Name, ParquetKind.Map, present, repeated, repetition, -1, pair) : null;
            }
            ParquetNode? item = IsWrapper(group, inner)
                ? ChildrenOf((GroupNode)inner, repeated, repetition, depth + 1, ref column).FirstOrDefault()
                : Entry(inner, repeated, repetition, depth + 1, ref column);
            return item is null ? null : new ParquetNode(group.Name, ParquetKind.List, present, repeated, repetition, -1, [item]);
        }
    }

    // The repeated child of a group marked LIST or MAP.
    private static Node? Inner(GroupNode group)
    {
        using LogicalType type = group.LogicalType;
        if (type.Type is not (LogicalTypeEnum.List or LogicalTypeEnum.Map) || group.FieldCount != 1) return null;
        Node inner = group.Field(0);
        if (inner.Repetition == ParquetSharp.Repetition.Repeated && (type.Type == LogicalTypeEnum.List || inner is GroupNode { FieldCount: 2 })) return inner;
        inner.Dispose();
        return null;
    }

    // Backward compatibility rules of parquet-format's LogicalTypes.md: other repeated children are the items themselves.
    private static bool IsWrapper(GroupNode list, Node inner)
        => inner is GroupNode { FieldCount: 1 } && inner.Name != "array" && inner.Name != list.Name + "_tuple";
}
