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
        public void Cores_folders_use_only_those_before_them() => FolderArrows.AssertHeld(typeof(Backend).Assembly.GetTypes(), "SparseRM", s_arrows);

        /// <summary>An arrow that only a method's code shows, in a lambda, is found and named.</summary>
        [Fact]
        public void A_backward_arrow_is_found()
        {
            Type[] types = [typeof(Arrows.Left.Base), .. typeof(Arrows.Left.Base).GetNestedTypes(System.Reflection.BindingFlags.NonPublic), typeof(Arrows.Right.Derived)];
            string[] found = [.. FolderArrows.Backward(types, "SparseRM.Conformance.Arrows", [("Left", []), ("Right", ["Left"])])];
            Assert.Contains("Left.Base -> Right.Derived", found);
            Assert.All(found, arrow => Assert.StartsWith("Left.", arrow));
        }
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
