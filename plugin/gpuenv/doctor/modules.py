"""Which modules come from a distribution that a person would install: a project's own ones do not."""

from __future__ import annotations

# Names of modules, each of a distribution of the package index; those of frameworks and what their programs import.
_KNOWN = """
    _bz2 _ctypes _lzma _sqlite3 _ssl _tkinter absl accelerate aicsimageio aiohttp albumentations alphafold altair
    anndata annoy anthropic apex arviz ase astor astropy astunparse attr attrs audioread auto_gptq av awkward awq ax
    azure bert_score Bio bitsandbytes blosc bokeh boto3 botocore bottleneck brax brotli bs4 builtins caffe caffe2
    cartopy catboost cellpose certifi chainer charset_normalizer chex chromadb click cloudpickle cmake cmdstanpy
    cntk colorama comet_ml contextlib2 corner csbdeep ctranslate2 cudf cugraph cuml cupy cupyx curses cv2 cycler
    Cython cython czifile dash dask dataclasses datasets dateutil decorator decord deepchem deepface deeplabcut
    deepmd deepspeed detectron2 dgl diffusers dill distributed distutils django dlclibrary dlib dm_control dm_tree
    docker docx dpdata easyocr editdistance einops emcee encodings ensurepip enum34 equinox evaluate
    face_recognition facenet_pytorch faiss fastai fastapi faster_whisper fastparquet fbprophet ffmpeg fitz
    flash_attn flask flatbuffers flax fsspec future fuzzywuzzy gast gcsfs gensim geopandas gguf glfw gluoncv
    gluonnlp google gpustat GPUtil gradio graphviz grpc grpc_tools gunicorn gym gymnasium h5py haiku hdbscan healpy
    hnswlib horovod html5lib httpx huggingface_hub hydra hyperopt hypothesis idna ignite igraph imagecodecs imageio
    imgaug importlib_metadata importlib_resources inflect insightface intel_extension_for_pytorch
    intel_extension_for_tensorflow ipykernel IPython ipython_genutils ipywidgets jax jax_cuda12_pjrt
    jax_cuda12_plugin jax_plugins jaxlib jieba jinja2 jiwer joblib jsonschema jupyter jupyter_client jupyterlab
    keras keras_applications keras_bert keras_contrib keras_core keras_cv keras_hub keras_nlp keras_preprocessing
    keras_radam keras_retinanet keras_segmentation keras_self_attention keras_tuner keras_vggface kerastuner
    kiwisolver kornia kubernetes langchain lasagne leidenalg Levenshtein libclang librosa lightgbm lightning
    llama_cpp lmfit loguru lvis lxml lz4 magenta markdown markupsafe matplotlib MDAnalysis mediapipe meson mido
    mir_eval mkl mkl_fft mkl_random ml_collections ml_dtypes mlflow mmcv mmdet mmengine mock monai moviepy mpi4py
    mpl_toolkits msgpack mtcnn mujoco mujoco_py music21 mxnet n2v namex napari nbconvert nbformat nccl neptune
    netCDF4 networkx nevergrad nibabel ninja nltk note_seq notebook numba numexpr numpy numpyro nvidia nvsmi nvtx
    object_detection ollama omegaconf onnx onnxmltools onnxruntime open3d openai openai_whisper OpenGL openmm
    openpyxl openslide openvino opt_einsum optax optimum optree optuna orbax orjson packaging paddle paddleocr
    pandas past pathlib2 patsy pdf2image peft PIL pinecone pip pkg_resources plotly pmdarima polars pretty_midi
    prettytable prophet protobuf psutil psycopg2 py3nvml pyarrow pyaudio pybind11 pycocotools pycuda pydicom pydot
    pydot_ng pydotplus pydub pyfftw pygame pyglet pymatgen pymc pymc3 pymongo pymysql pynvml pyparsing pyproj
    pyreadline pyrender pyro pysam pystan pytesseract pytest pythoncom pytorch_lightning pytz pyvista pywintypes
    pywt rapidfuzz rasterio ray rdkit readline redis regex requests resampy retinaface rich rmm rosbag rospy
    rouge_score ruamel s3fs sacrebleu sacred safetensors samplerate scanpy scipy scvi seaborn segmentation_models
    selenium sentence_transformers sentencepiece seqeval serial setuptools sglang shapely SimpleITK simplejson six
    skfmm skimage sklearn skopt skorch sktime skvideo sleap snappy sonnet sounddevice soundfile spacy sqlalchemy
    squidpy stable_baselines stable_baselines3 stan stardist starlette statsmodels streamlit suite2p sympy tables
    tabulate tensorboard tensorboard_plugin_profile tensorboard_plugin_wit tensorboardX tensorflow tensorflow_addons
    tensorflow_core tensorflow_cpu tensorflow_datasets tensorflow_decision_forests tensorflow_directml
    tensorflow_estimator tensorflow_federated tensorflow_gan tensorflow_gpu tensorflow_graphics tensorflow_hub
    tensorflow_io tensorflow_io_gcs_filesystem tensorflow_model_optimization tensorflow_privacy
    tensorflow_probability tensorflow_ranking tensorflow_recommenders tensorflow_serving tensorflow_text
    tensorflow_transform tensorlayer tensorpack tensorrt tensorrt_libs termcolor textblob tf2onnx tf_agents tf_keras
    tf_slim tflearn tflite_runtime tfp theano Theano tifffile tiktoken timm tkinter tokenizers toml tomli torch
    torch_cluster torch_geometric torch_scatter torch_sparse torchaudio torchinfo torchmetrics torchsummary
    torchtext torchvision tornado tqdm traitlets transformers tree trfl trimesh triton triton_windows trl tsfresh
    tslearn typer typing_extensions ujson ultralytics umap unidecode uproot urllib3 usb uvicorn venv vllm vtk wandb
    webrtcvad websockets werkzeug wheel whisper win32api win32com wrapt xarray xformers xgboost xlrd yaml zarr zmq
    zstandard
"""
KNOWN = frozenset(name.lower() for name in _KNOWN.split())


def is_of_a_distribution(module: str) -> bool:
    """Say whether a module is one that an installation brings: `cv2` and `keras.utils` are, `my_models.unet` is not.

    Private parts of packages are (`_pywrap_tensorflow`); so are modules whose name begins with that of a framework.
    """
    top = module.partition(".")[0].lower()
    frameworks = ("tensorflow_", "torch_", "keras_", "jax_", "nvidia", "mpl_", "sk", "tf_", "_")
    return top in KNOWN or top.startswith(frameworks)
