using SparseRM.Backends;

namespace SparseRM.Conformance
{
    /// <summary>Core's folders know each other in one direction only. Read from the built assembly; references in documentation do not count.</summary>
    public class FolderTests
    {
        /// <summary>What each folder may use; arrows go to folders above it.</summary>
        private static readonly (string Folder, string[] Uses)[] s_arrows =
        [
            ("Errors", []),
            ("Tensors", ["Errors"]),
            // The strict reader of JSON and the weight files need each other: the index of shards is JSON, and JSON comes from a file that may be huge.
            ("Weights", ["Errors", "Tensors", "Json"]),
            ("Json", ["Errors", "Weights"]),
            ("Backends", ["Errors", "Tensors", "Weights"]),
            ("Text", ["Errors", "Json", "Weights"]),
            ("Models", ["Errors", "Tensors", "Weights", "Json", "Backends"]),
            ("Sae", ["Errors", "Tensors", "Weights", "Json", "Backends", "Models"]),
            ("Scoring", ["Errors", "Tensors", "Weights", "Json", "Backends", "Models", "Text"]),
            ("Data", ["Errors", "Json", "Text", "Weights"]),
            ("Fitting", ["Errors", "Tensors", "Weights", "Json", "Backends", "Models", "Sae", "Scoring", "Data"]),
        ];

        [Fact]
        public void Cores_folders_use_only_those_before_them()
        {
            var types = typeof(Backend).Assembly.GetTypes();
            var unknown = types.Select(type => Folder(type, "SparseRM")).Where(folder => folder is not null && s_arrows.All(arrow => arrow.Folder != folder)).Distinct();
            Assert.True(!unknown.Any(), $"new folders, say here what they may use: {string.Join(", ", unknown)}");
            Assert.Empty(Backward(types, "SparseRM", s_arrows));
            // So that a scan which finds nothing does not pass.
            Assert.NotEmpty(Backward(types, "SparseRM", [.. s_arrows.Select(arrow => (arrow.Folder, Array.Empty<string>()))]));
        }

        /// <summary>An arrow that only a method's code shows, in a lambda, is found and named.</summary>
        [Fact]
        public void A_backward_arrow_is_found()
        {
            Type[] types = [typeof(Arrows.Left.Base), .. typeof(Arrows.Left.Base).GetNestedTypes(System.Reflection.BindingFlags.NonPublic), typeof(Arrows.Right.Derived)];
            string[] found = [.. Backward(types, "SparseRM.Conformance.Arrows", [("Left", []), ("Right", ["Left"])])];
            Assert.Contains("Left.Base -> Right.Derived", found);
            Assert.All(found, arrow => Assert.StartsWith("Left.", arrow));
        }

        private static string[] Backward(Type[] types, string root, (string Folder, string[] Uses)[] arrows)
        {
            var allowed = arrows.ToDictionary(arrow => arrow.Folder, arrow => arrow.Uses);
            var found = new SortedSet<string>(StringComparer.Ordinal);
            foreach (var type in types)
            {
                if (Folder(type, root) is not { } from) continue;
                foreach (var used in TypeReferences.Of(type).Where(used => used.Assembly == type.Assembly))
                    if (Folder(used, root) is { } to && to != from && !allowed[from].Contains(to)) found.Add($"{from}.{Outer(type).Name} -> {to}.{Outer(used).Name}");
            }
            return [.. found];
        }

        /// <summary>The part of a namespace behind its root; null for what stands beside the folders.</summary>
        private static string? Folder(Type type, string root) =>
            type.Namespace is { } name && name.StartsWith(root + ".", StringComparison.Ordinal) ? name[(root.Length + 1)..].Split('.')[0] : null;

        private static Type Outer(Type type) => type.DeclaringType is { } declaring ? Outer(declaring) : type;
    }
}

namespace SparseRM.Conformance.Arrows.Left
{
    internal class Base
    {
        public static Func<object> Make() => () => new Right.Derived();
    }
}

namespace SparseRM.Conformance.Arrows.Right
{
    internal sealed class Derived : Left.Base;
}
